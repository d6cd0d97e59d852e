error: --solve divides the cost of one side by the other's, and one is zero
hint: --price 2.50/h
