//! The real program as a process: its exit codes, its output, its files, and what it survives.

mod conversations;
mod doctor;
mod files;
mod import;
mod jobs;
mod keys;
mod kill;
mod kill_credit;
mod process;
mod report;
mod serve;
mod simulate;
