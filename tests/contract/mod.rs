//! What other programs rely on.

mod existing_agents;
mod schemathesis;
