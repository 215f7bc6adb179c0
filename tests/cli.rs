//! The real program as a process: its exit codes, its output, its files, and what it survives.

mod conversations;
mod doctor;
mod files;
mod kill;
mod process;
mod serve;
mod simulate;
