//! Integration tests: one binary, so that everything links once.

<<<<<<< HEAD
mod architecture;
=======
mod store;
mod support;
>>>>>>> store
