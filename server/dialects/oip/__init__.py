"""The Open Inference Protocol (KServe, Triton), and the `instances` of TensorFlow Serving, Vertex AI and SageMaker."""
