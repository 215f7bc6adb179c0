//! Text to vectors, on fastembed and ONNX Runtime.
