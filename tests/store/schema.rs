//! The two schemas say the same.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::store::open;
use crate::support::postgres::TestDatabase;

/// A column: name, portable type, whether it must have a value.
type Column = (String, String, bool);

/// Columns in their order, of each table; and table, uniqueness and columns of each index, but what is computed of columns.
#[derive(Debug, PartialEq)]
struct Schema {
    tables: BTreeMap<String, Vec<Column>>,
    indexes: BTreeMap<String, (String, bool, Vec<String>)>,
    /// Table, column, and the table that it refers to.
    references: Vec<(String, String, String)>,
}

/// The type that SQLite stores what PostgreSQL calls so.
fn portable(name: &str) -> String {
    match name.to_lowercase().as_str() {
        "uuid" => "blob",
        "jsonb" => "text",
        other => return other.to_owned(),
    }
    .to_owned()
}

async fn sqlite(url: &str) -> Schema {
    let mut db = SqliteConnection::connect(url).await.expect("it opens");
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT m.name, c.name, c.type, c.\"notnull\" FROM sqlite_schema m JOIN pragma_table_info(m.name) c
         WHERE m.type = 'table' AND m.name NOT LIKE '\\_sqlx%' ESCAPE '\\' ORDER BY m.name, c.cid",
    )
    .fetch_all(&mut db)
    .await
    .expect("the tables are listed");
    let indexes: Vec<(String, String, bool, String)> = sqlx::query_as(
        "SELECT l.name, m.name, l.\"unique\", c.name FROM sqlite_schema m JOIN pragma_index_list(m.name) l
         JOIN pragma_index_info(l.name) c WHERE m.type = 'table' AND l.origin = 'c' AND c.name IS NOT NULL ORDER BY l.name, c.seqno",
    )
    .fetch_all(&mut db)
    .await
    .expect("the indexes are listed");
    let references: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT m.name, f.\"from\", f.\"table\" FROM sqlite_schema m JOIN pragma_foreign_key_list(m.name) f
         WHERE m.type = 'table' ORDER BY 1, 2, 3",
    )
    .fetch_all(&mut db)
    .await
    .expect("the references are listed");
    db.close().await.expect("it closes");
    schema(columns, indexes, references)
}

async fn postgres(url: &str) -> Schema {
    let mut db = PgConnection::connect(url).await.expect("it opens");
    let columns: Vec<(String, String, String, bool)> = sqlx::query_as(
        "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'NO'
         FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'
         ORDER BY table_name, ordinal_position",
    )
    .fetch_all(&mut db)
    .await
    .expect("the tables are listed");
    let indexes: Vec<(String, String, bool, String)> = sqlx::query_as(
        "SELECT i.relname::text, t.relname::text, x.indisunique, a.attname::text
         FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
         JOIN pg_namespace n ON n.oid = t.relnamespace
         CROSS JOIN LATERAL unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
         WHERE n.nspname = 'public' AND NOT x.indisprimary ORDER BY i.relname, k.place",
    )
    .fetch_all(&mut db)
    .await
    .expect("the indexes are listed");
    let references: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT t.relname::text, a.attname::text, r.relname::text FROM pg_constraint c
         JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid
         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
         WHERE c.contype = 'f' ORDER BY 1, 2, 3",
    )
    .fetch_all(&mut db)
    .await
    .expect("the references are listed");
    db.close().await.expect("it closes");
    schema(columns, indexes, references)
}

fn schema(
    columns: Vec<(String, String, String, bool)>,
    indexes: Vec<(String, String, bool, String)>,
    mut references: Vec<(String, String, String)>,
) -> Schema {
    let mut schema = Schema { tables: BTreeMap::new(), indexes: BTreeMap::new(), references: vec![] };
    for (table, column, kind, required) in columns {
        schema.tables.entry(table).or_default().push((column, portable(&kind), required));
    }
    for (index, table, unique, column) in indexes {
        schema.indexes.entry(index).or_insert_with(|| (table, unique, vec![])).2.push(column);
    }
    references.sort();
    schema.references = references;
    schema
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_indexes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let url = format!("sqlite:{}", directory.path().join("turnwise.db").display());
    open(&url).await.close().await;
    let on_sqlite = sqlite(&url).await;
    let database = TestDatabase::create().await;
    open(&database.url).await.close().await;
    let on_postgres = postgres(&database.url).await;
    database.drop().await;

    assert_eq!(on_sqlite.tables.len(), 34, "{:?}", on_sqlite.tables.keys());
    assert!(on_sqlite.indexes.len() > 20 && on_sqlite.references.len() > 8, "{on_sqlite:?}");
    assert_eq!(on_sqlite.tables, on_postgres.tables);
    assert_eq!(on_sqlite.indexes, on_postgres.indexes);
    assert_eq!(on_sqlite.references, on_postgres.references);
    for (table, columns) in &on_sqlite.tables {
        let owned = columns.iter().any(|(name, _, required)| name == "tenant" && *required);
        assert!(owned || table == "generations", "{table} has no tenant");
    }
}

#[test]
fn migrations_come_in_pairs() {
    let names = |database: &str| {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(database);
        let files = std::fs::read_dir(directory).expect("the directory is there");
        let mut names: Vec<_> = files.map(|file| file.expect("it can be read").file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("sqlite"), names("postgres"));
    assert!(!names("sqlite").is_empty());
}
