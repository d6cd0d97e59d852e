"""Files and logs of the Trainer of Hugging Face, and of what is built on it."""
