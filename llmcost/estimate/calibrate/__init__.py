"""Constants of the engines after measurements of one's own: `llmcost calibrate`, `--calibration`."""
