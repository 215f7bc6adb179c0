//! What is a speaker doing, what does the user want, how did it end? In any language of the embedding model.
//!
//! Guarantees: no phrase is looked for anywhere. Everything is told by classifiers that are fitted on labelled sentences and
//! practice conversations of many businesses in six languages, which see a text's embedding and its words; an installation
//! adds intents of its own. They follow the model: another model is fitted anew from the same texts.

pub mod acts;
pub mod exchange;
pub mod intents;
pub mod outcome;
pub mod practice;
pub mod scope;
pub mod seeds;
pub mod text_classifier;
pub mod words;
