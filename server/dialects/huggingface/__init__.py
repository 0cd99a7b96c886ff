"""What `huggingface_hub.InferenceClient` speaks, and whoever else sends `inputs` and `parameters`."""
