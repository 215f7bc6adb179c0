//! The truth: conversations, knowledge and jobs, on SQLite and PostgreSQL.
