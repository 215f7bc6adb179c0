//! Nearest neighbours, on Qdrant Edge.
