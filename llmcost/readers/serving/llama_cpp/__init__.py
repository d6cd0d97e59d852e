"""What the benchmarks of llama.cpp print: tables, and JSON lines."""
