//! The rules of ARCHITECTURE.md, checked on the sources: who may import whom, which vendor lives in which room, and
//! that the page names nothing that does not exist.

mod imports;
mod page;
mod rules;

use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use self::imports::{SourceFile, parse};

/// The checkout.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a directory of the checkout, their paths relative to it.
fn sources(directory: &str) -> Vec<(String, String)> {
    let base = root().join(directory);
    let mut found: Vec<_> = WalkDir::new(&base)
        .into_iter()
        .map(|entry| entry.expect("the sources can be listed").into_path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| (relative(&path, &base), std::fs::read_to_string(&path).expect("the sources are UTF-8")))
        .collect();
    found.sort();
    found
}

fn relative(path: &Path, base: &Path) -> String {
    path.strip_prefix(base).expect("it was found below").to_string_lossy().replace('\\', "/")
}

/// Names of the crates that Cargo.toml lists under these tables, as Rust writes them.
fn crates(tables: &[&str]) -> Vec<String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml is there");
    let manifest: toml::Table = manifest.parse().expect("Cargo.toml is valid");
    tables
        .iter()
        .flat_map(|table| manifest[*table].as_table().expect("it is a table").keys())
        .map(|name| name.replace('-', "_"))
        .collect()
}

fn parsed(files: &[(String, String)]) -> Vec<SourceFile> {
    files.iter().map(|(path, text)| parse(path, text)).collect()
}

#[test]
fn the_sources_keep_to_their_floors() {
    let files = parsed(&sources("src"));
    assert!(files.iter().any(|file| file.module == ["domain", "ids"]), "the sources were found");
    let problems = rules::check(&files, &crates(&["dependencies"]));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_page_names_only_what_exists() {
    let page = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    let files: Vec<_> = parsed(&sources("src")).into_iter().chain(parsed(&sources("tests"))).collect();
    let problems = page::check(&page, &files, &root());
    assert!(problems.is_empty(), "ARCHITECTURE.md names what is not there:\n{}", problems.join("\n"));
}
