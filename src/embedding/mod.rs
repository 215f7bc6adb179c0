//! Text to vectors, on fastembed and ONNX Runtime.
//!
//! Guarantees: a vector has length 1 and the dimension that the manifest states; the same text gives the same vector,
//! whichever lane computed it (unless `batch_tokens` is set); what the model could not read of a long text is reported;
//! every queue and cache has a bound; nothing runs on an async thread but normalising and looking into the cache.
//!
//! Refuses: to fetch models or the library (`make models` does), to embed empty text, and to let a type of fastembed,
//! ort or tokenizers out of this room.
//!
//! One text on its way: [`embedder`] normalises it, puts the prefix before it and asks the [`cache`]; a miss waits in the
//! queue of a [`lane`], whose thread reads it into tokens ([`tokens`]) and hands these to its ONNX session ([`session`]).

pub mod bare;
mod cache;
pub mod embedder;
pub mod embedders;
pub mod error;
pub mod lane;
pub mod manifest;
mod packing;
mod runtime;
mod session;
pub mod settings;
mod tokens;

#[cfg(test)]
pub(crate) mod testing;
