//! What a page names in backticks, looked up in the tree: paths, `function()`, `Type::member` and `make target`.

use std::path::Path;

use regex::Regex;

use super::imports::SourceFile;

/// What the page names and the tree does not have.
pub fn check(page: &str, files: &[SourceFile], root: &Path) -> Vec<String> {
    let makefile = std::fs::read_to_string(root.join("Makefile")).unwrap_or_default();
    names(page).into_iter().filter(|name| !exists(name, files, root, &makefile)).collect()
}

/// Everything in single backticks; fenced blocks are pictures and commands.
fn names(page: &str) -> Vec<String> {
    let prose: String = page.split("```").step_by(2).collect();
    let quoted = Regex::new("`([^`\n]+)`").expect("the pattern is valid");
    quoted.captures_iter(&prose).map(|found| found[1].to_owned()).collect()
}

fn exists(name: &str, files: &[SourceFile], root: &Path, makefile: &str) -> bool {
    if let Some(target) = name.strip_prefix("make ") {
        let target = target.split(' ').next().unwrap_or_default();
        return makefile.lines().any(|line| line.starts_with(&format!("{target}:")));
    }
    if let Some(code) = code_path(name) {
        return defined(&code, name.ends_with("()"), files);
    }
    if looks_like_a_path(name) {
        return root.join(name).exists() || root.join("src").join(name).exists();
    }
    true
}

/// The segments of `function()`, `Type::member` and `module::function()`.
fn code_path(name: &str) -> Option<Vec<String>> {
    let bare = name.strip_suffix("()").unwrap_or(name);
    let pattern = Regex::new("^[A-Za-z_][A-Za-z0-9_]*(::[A-Za-z_][A-Za-z0-9_]*)*$").expect("the pattern is valid");
    let is_code = pattern.is_match(bare) && (bare != name || bare.contains("::"));
    is_code.then(|| bare.split("::").map(str::to_owned).collect())
}

fn defined(code: &[String], is_call: bool, files: &[SourceFile]) -> bool {
    let (name, path) = code.split_last().expect("a path has a segment");
    let named_here = |file: &SourceFile| file.names.contains(name);
    let Some((owner, modules)) = path.split_last() else { return files.iter().any(named_here) };

    let is_member = |file: &SourceFile| {
        within(file, modules) && file.members.iter().any(|(of, member)| of == owner && member == name)
    };
    // `learning::distill` alone may also be a module, which is a file.
    let is_module = |file: &SourceFile| !is_call && within(file, code);
    files.iter().any(|file| is_member(file) || (within(file, path) && named_here(file)) || is_module(file))
}

/// Whether the file's module ends with these names, or lies below them when they begin at the crate's root.
fn within(file: &SourceFile, modules: &[String]) -> bool {
    let modules = match modules.split_first() {
        Some((first, rest)) if first == "crate" => rest,
        _ => modules,
    };
    file.module.ends_with(modules) || file.module.starts_with(modules)
}

/// A slash that does not begin it (those are URLs), or the ending of a file.
fn looks_like_a_path(name: &str) -> bool {
    let plain = Regex::new(r"^[A-Za-z0-9_.][A-Za-z0-9_./-]*$").expect("the pattern is valid");
    let ending = Regex::new(r"\.(rs|toml|md|yml|py|sql|lock)$").expect("the pattern is valid");
    plain.is_match(name) && (name.contains('/') || ending.is_match(name))
}

#[cfg(test)]
mod tests {
    use super::super::{parse, root};
    use super::*;

    #[track_caller]
    fn check_page(page: &str, missing: &[&str]) {
        let files = [
            parse(
                "store/dialect.rs",
                "pub struct Dialect; impl Dialect { pub fn claim_jobs(&self) {} } pub fn pick() {}",
            ),
            parse("store/mod.rs", "pub enum Pool { Sqlite, Postgres } pub struct Store { pub pool: Pool }"),
        ];
        assert_eq!(check(page, &files, &root()), missing, "{page}");
    }

    #[test]
    fn what_exists_passes() {
        check_page("`src/domain/ids.rs`, `domain/ids.rs`, `tests/`, `Cargo.toml`", &[]);
        check_page(
            "`pick()`, `claim_jobs()`, `Dialect::claim_jobs`, `Dialect::claim_jobs()`, `store::dialect::pick()`",
            &[],
        );
        check_page("`Pool::Sqlite`, `Store::pool`, `store::dialect`, `crate::store::Pool`, `make test ONLY=x`", &[]);
        check_page("`POST /retrieve/`, `/health/live`, `live`, `turnwise serve`, `--config FILE`, `[jobs]`", &[]);
        check_page("```\n`src/gone.rs`\n```\n", &[]);
    }

    #[test]
    fn what_does_not_exist_is_reported() {
        check_page("`src/gone.rs` and `store/gone.rs`", &["src/gone.rs", "store/gone.rs"]);
        check_page("`gone()`", &["gone()"]);
        check_page("`Dialect::gone`, `Gone::claim_jobs()`", &["Dialect::gone", "Gone::claim_jobs()"]);
        check_page("`index::pick()`, `Pool::Mysql`", &["index::pick()", "Pool::Mysql"]);
        check_page("`make coffee`, `gone.toml`", &["make coffee", "gone.toml"]);
    }
}
