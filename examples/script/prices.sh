#!/bin/sh
# The price of a million output tokens on three machines: one number a line, for a spreadsheet or a loop.
set -eu
for machine in h100-sxm h200-sxm b200-sxm; do
  price=$(llmcost serve --model llama-3.1-8b --hardware "$machine" --isl 1000 --osl 300 --quiet)
  echo "$machine,$price"
done
