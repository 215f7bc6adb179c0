//! What a source file imports and defines, read with syn: `use` trees, inline paths, and paths inside macros.

use syn::buffer::{Cursor, TokenBuffer};
use syn::visit::{self, Visit};

/// What is read of one file.
#[derive(Debug, Default)]
pub struct SourceFile {
    /// Relative to `src/`.
    pub path: String,
    /// Its module, from the root of the crate.
    pub module: Vec<String>,
    /// Lines of the file.
    pub lines: usize,
    /// Every path that it names.
    pub paths: Vec<NamedPath>,
    /// `pub use` items.
    pub reexports: usize,
    /// Functions, types, constants and modules that it defines.
    pub names: Vec<String>,
    /// Methods, variants and associated constants: type and name.
    pub members: Vec<(String, String)>,
}

/// A path that a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedPath {
    /// `crate`, `super` and `self` are resolved: those begin with `crate`. Others are as written.
    pub segments: Vec<String>,
    /// Whether only tests compile it.
    pub in_test: bool,
}

/// Reads a file; `path` is relative to `src/`.
pub fn parse(path: &str, text: &str) -> SourceFile {
    let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    let module = module_of(path);
    let in_test = module.last().is_some_and(|name| name == "tests");
    let file = SourceFile { path: path.to_owned(), module, lines: text.lines().count(), ..SourceFile::default() };
    let mut reader = Reader { module: file.module.clone(), file, in_test, owner: None };
    reader.visit_file(&syntax);
    reader.file
}

fn module_of(path: &str) -> Vec<String> {
    let mut module: Vec<String> = path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|name| ["mod", "lib"].contains(&name.as_str())) {
        module.pop();
    }
    module
}

struct Reader {
    file: SourceFile,
    module: Vec<String>,
    in_test: bool,
    /// The type whose `impl`, `trait` or `enum` is being read.
    owner: Option<String>,
}

impl Reader {
    fn found(&mut self, segments: Vec<String>) {
        let segments = self.resolve(segments);
        if segments.len() > 1 {
            self.file.paths.push(NamedPath { segments, in_test: self.in_test });
        }
    }

    /// Makes `self::` and `super::` begin at the crate. The binary calls the library by its name.
    fn resolve(&self, segments: Vec<String>) -> Vec<String> {
        let ups = segments.iter().take_while(|segment| *segment == "super").count();
        let base = match segments.first().map(String::as_str) {
            Some("super") => &self.module[..self.module.len().saturating_sub(ups)],
            Some("self") => &self.module[..],
            Some("crate" | "turnwise") => &[],
            _ => return segments,
        };
        let skipped = ups.max(1);
        ["crate".to_owned()].into_iter().chain(base.iter().cloned()).chain(segments.into_iter().skip(skipped)).collect()
    }

    fn use_tree(&mut self, mut prefix: Vec<String>, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.use_tree(prefix, &path.tree);
            }
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.use_tree(prefix.clone(), item));
            }
            syn::UseTree::Glob(_) => {
                prefix.push("*".to_owned());
                self.found(prefix);
            }
            syn::UseTree::Name(syn::UseName { ident }) | syn::UseTree::Rename(syn::UseRename { ident, .. }) => {
                prefix.push(ident.to_string());
                self.found(prefix);
            }
        }
    }

    /// Finds paths in the body of a macro, which syn does not parse.
    fn scan(&mut self, mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            if let Some((ident, rest)) = cursor.ident() {
                cursor = self.scan_path(vec![ident.to_string()], rest);
            } else if let Some((inside, _, _, rest)) = cursor.any_group() {
                self.scan(inside);
                cursor = rest;
            } else {
                cursor = cursor.token_tree().map_or(Cursor::empty(), |(_, rest)| rest);
            }
        }
    }

    fn scan_path<'a>(&mut self, mut segments: Vec<String>, mut cursor: Cursor<'a>) -> Cursor<'a> {
        while let Some(rest) = double_colon(cursor) {
            if let Some((ident, rest)) = rest.ident() {
                segments.push(ident.to_string());
                cursor = rest;
            } else if let Some((inside, _, _, rest)) = rest.any_group() {
                self.scan_group(&segments, inside);
                return rest;
            } else {
                cursor = rest;
                break;
            }
        }
        self.found(segments);
        cursor
    }

    fn scan_group(&mut self, prefix: &[String], mut cursor: Cursor<'_>) {
        while !cursor.eof() {
            cursor = match cursor.ident() {
                Some((ident, rest)) => self.scan_path([prefix, &[ident.to_string()]].concat(), rest),
                None => cursor.token_tree().map_or(Cursor::empty(), |(_, rest)| rest),
            };
        }
    }

    fn member(&mut self, name: &syn::Ident) {
        if let Some(owner) = &self.owner {
            self.file.members.push((owner.clone(), name.to_string()));
        }
    }

    fn within(&mut self, owner: Option<String>, read: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.owner, owner);
        read(self);
        self.owner = outer;
    }

    fn name(&mut self, ident: &syn::Ident) {
        self.file.names.push(ident.to_string());
    }
}

fn double_colon(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, rest) = cursor.punct()?;
    let (second, rest) = rest.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(rest)
}

fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Ident>().is_ok_and(|argument| argument == "test")
    })
}

fn type_name(ty: &syn::Type) -> Option<String> {
    match ty {
        syn::Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let attributes = match item {
            syn::Item::Fn(item) => &item.attrs[..],
            syn::Item::Impl(item) => &item.attrs,
            syn::Item::Mod(item) => &item.attrs,
            syn::Item::Use(item) => &item.attrs,
            _ => &[],
        };
        let outer = self.in_test;
        self.in_test |= is_test_only(attributes);
        visit::visit_item(self, item);
        self.in_test = outer;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if matches!(item.vis, syn::Visibility::Public(_)) {
            self.file.reexports += 1;
        }
        self.use_tree(Vec::new(), &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.found(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.visit_path(&invocation.path);
        self.scan(TokenBuffer::new2(invocation.tokens.clone()).begin());
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.name(&item.ident);
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.name(&item.sig.ident);
        self.within(None, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.name(&item.ident);
        self.within(Some(item.ident.to_string()), |reader| visit::visit_item_struct(reader, item));
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if let Some(ident) = &field.ident {
            self.member(ident);
        }
        visit::visit_field(self, field);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.name(&item.ident);
        self.within(Some(item.ident.to_string()), |reader| visit::visit_item_enum(reader, item));
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.member(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.name(&item.ident);
        self.within(Some(item.ident.to_string()), |reader| visit::visit_item_trait(reader, item));
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.name(&item.sig.ident);
        self.member(&item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.within(type_name(&item.self_ty), |reader| visit::visit_item_impl(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.name(&item.sig.ident);
        self.member(&item.sig.ident);
        self.within(None, |reader| visit::visit_impl_item_fn(reader, item));
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.member(&item.ident);
        visit::visit_impl_item_const(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.name(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.name(&item.ident);
        visit::visit_item_static(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.name(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if let Some(ident) = &item.ident {
            self.name(ident);
        }
        visit::visit_item_macro(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, text: &str, expected: &[&str]) {
        let found: Vec<_> = parse(path, text).paths.iter().map(|path| path.segments.join("::")).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn paths_are_found_wherever_they_stand() {
        check(
            "a/b.rs",
            "use crate::x::{y, z::{self, W as V}};",
            &["crate::x::y", "crate::x::z::self", "crate::x::z::W"],
        );
        check("a/b.rs", "use super::c::D; use super::super::e::F;", &["crate::a::c::D", "crate::e::F"]);
        check("a/mod.rs", "use super::e::F; use self::g::H;", &["crate::e::F", "crate::a::g::H"]);
        check("a/b.rs", "mod inner { use super::super::c::D; }", &["crate::a::c::D"]);
        check("a.rs", "fn f(x: crate::b::C) -> u8 { crate::d::e(x) }", &["crate::b::C", "crate::d::e"]);
        check("a.rs", "fn f() { g!(|| crate::b::c(sqlx::query(1))) }", &["crate::b::c", "sqlx::query"]);
        check("a.rs", "macro_rules! m { () => { use $crate::{b::C, d}; } }", &["crate::b::C", "crate::d"]);
        check("main.rs", "fn main() { turnwise::cli::main() }", &["crate::cli::main"]);
        check("a.rs", "fn f(x: Option<crate::b::C>) { let local = 1; }", &["crate::b::C"]);
    }

    #[test]
    fn what_only_tests_compile_is_marked() {
        let file =
            parse("a.rs", "use b::C; #[cfg(test)] mod tests { use d::E; } #[cfg(feature = \"x\")] mod f { use g::H; }");
        let marks: Vec<_> = file.paths.iter().map(|path| (path.segments[0].as_str(), path.in_test)).collect();
        assert_eq!(marks, [("b", false), ("d", true), ("g", false)]);
        assert!(parse("a/tests.rs", "use b::C;").paths[0].in_test);
    }

    #[test]
    fn definitions_are_known_by_name_and_by_type() {
        let file =
            parse("a.rs", "pub fn f() {} enum E { V } impl E { const C: u8 = 1; fn m(&self) {} } trait T { fn t(); }");
        for name in ["f", "E", "m", "T", "t"] {
            assert!(file.names.iter().any(|known| known == name), "{name}");
        }
        let members: Vec<_> = file.members.iter().map(|(owner, name)| format!("{owner}::{name}")).collect();
        assert_eq!(members, ["E::V", "E::C", "E::m", "T::t"]);
    }
}
