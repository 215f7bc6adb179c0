//! One shard of Qdrant Edge: translation of our words into the engine's, and what its files need.
//!
//! Everything here blocks and runs on the caller's thread. The rules of the engine, which `writer.rs` keeps: one thread
//! writes and flushes; no flush while [`Shard::optimize`] runs (the engine panics when their locks meet). What was
//! written and not flushed is lost by a kill, and so is a delete made while an optimisation ran.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use qdrant_edge::external::serde_json::{self, Map, Value, json};
use qdrant_edge::{
    Condition, CountRequest, CreateIndex, Distance, EdgeConfig, EdgeOptimizersConfig, EdgeShard,
    EdgeSparseVectorParams, EdgeVectorParams, FieldCondition, FieldIndexOperations, HnswIndexConfig,
    IntegerIndexParams, JsonPath, KeywordIndexParams, Match, Modifier, NamedQuery, PayloadFieldSchema,
    PayloadSchemaParams, PointId, PointInsertOperations, PointOperations, PointStruct, PointStructPersisted,
    QuantizationConfig, QuantizationSearchParams, QueryEnum, Range, Record, ScalarQuantizationConfig, ScalarType,
    ScoredPoint, ScrollRequest, SearchParams, SearchRequest, SparseVector, UpdateOperation, Vector, VectorInternal,
    Vectors, WalOptions, WithPayloadInterface, WithVector,
};
use uuid::Uuid;

use crate::domain::ids::TenantId;
use crate::index::IndexStats;
use crate::index::error::IndexError;
use crate::index::lexical::{Lexicon, Terms};
use crate::index::point::{Filter, Hit, Payload, Point, PointOwner};
use crate::index::settings::{IndexSettings, Quantisation};

const DENSE: &str = "dense";
const SPARSE: &str = "bm25";

const TENANT: &str = "tenant";
const OWNER: &str = "owner";
const STATUS: &str = "status";
const KNOWLEDGE_TYPE: &str = "knowledge_type";
const CATEGORY: &str = "category";
const LANGUAGE: &str = "language";
const OUTCOME: &str = "outcome";
const STARTED_AT: &str = "started_at";

/// One file of the engine's log. Small, so that an empty shard is small and clearing the log clears nearly all of it.
const LOG_FILE_BYTES: usize = 8 * 1024 * 1024;

/// Points that are written or looked at together.
const PAGE: usize = 1_000;

/// How to compare vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DenseMode {
    /// By graph where there is one.
    Graph,
    /// With every vector that passes the filter.
    Exact,
}

/// An open shard.
pub(super) struct Shard {
    shard: EdgeShard,
    path: PathBuf,
    ef_search: usize,
    quantised: bool,
}

impl Shard {
    /// Opens the shard at `path`, or makes an empty one.
    pub(super) fn open(path: &Path, dimension: usize, settings: &IndexSettings) -> Result<Self, IndexError> {
        // Points and their log hold what people said.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(IndexError::io("create the directory", path))?;
        remove_leftovers(path)?;
        clear_log(path)?;

        let config = config(dimension, settings)?;
        let shard = match has_segments(path)? {
            true => EdgeShard::load(path, Some(config)).map_err(IndexError::engine("open its shard"))?,
            false => EdgeShard::new(path, config).map_err(IndexError::engine("create its shard"))?,
        };
        let shard = Self {
            shard,
            path: path.to_owned(),
            ef_search: settings.hnsw_ef_search,
            quantised: settings.quantisation != Quantisation::None,
        };

        // Creating an index that is there changes nothing, and a shard that was killed in its first moments lacks some.
        for (field, schema) in payload_indexes() {
            let create =
                CreateIndex { field_name: key(field), field_schema: Some(PayloadFieldSchema::FieldParams(schema)) };
            shard.update(
                "create a payload index",
                UpdateOperation::FieldIndexOperation(FieldIndexOperations::CreateIndex(create)),
            )?;
        }
        shard.flush();
        Ok(shard)
    }

    /// Writes points; not durable before [`Shard::flush`].
    pub(super) fn upsert(&self, points: &[Point], lexicon: &Lexicon) -> Result<(), IndexError> {
        for points in points.chunks(PAGE) {
            self.insert(points.iter().map(|point| row(point, lexicon)).collect::<Result<_, _>>()?)?;
        }
        Ok(())
    }

    /// Removes points; not durable before [`Shard::flush`].
    pub(super) fn delete(&self, ids: &[Uuid]) -> Result<(), IndexError> {
        let ids = ids.iter().copied().map(PointId::Uuid).collect();
        self.update("delete points", UpdateOperation::PointOperation(PointOperations::DeletePoints { ids }))
    }

    /// Writes everything to disk.
    ///
    /// # Panics
    /// When the disk fails, or something else holds a lock of the shard; the writer thread catches it.
    pub(super) fn flush(&self) {
        self.shard.flush();
    }

    /// Builds graphs, merges and cleans segments until nothing is left to do; whether there was anything.
    pub(super) fn optimize(&self) -> Result<bool, IndexError> {
        self.shard.optimize().map_err(IndexError::engine("optimise its shard"))
    }

    /// Merges the copies of points that a kill in the middle of an optimisation left in two segments.
    pub(super) fn merge_copies(&self) -> Result<(), IndexError> {
        let mut after = None;
        loop {
            let page: Vec<Uuid> = self.ids_page(after, PAGE)?.into_iter().map(|point| point.id).collect();
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(*last);
            if self.copies(&page)? == page.len() {
                continue;
            }

            // Deleting hits every copy. A second kill just now costs these points, which are then missing when the index
            // is compared with the database.
            let rows = self.rows(&page)?;
            self.delete(&page)?;
            self.insert(rows)?;
        }
    }

    /// The nearest points of `tenant`.
    pub(super) fn search_dense(
        &self,
        tenant: &TenantId,
        vector: &[f32],
        filter: &Filter,
        limit: usize,
        mode: DenseMode,
    ) -> Result<Vec<Hit>, IndexError> {
        let query = NamedQuery::new(VectorInternal::Dense(vector.to_vec()), DENSE);
        let quantization = self.quantised.then_some(QuantizationSearchParams {
            ignore: false,
            rescore: Some(true),
            oversampling: Some(2.0),
        });
        let params = SearchParams {
            hnsw_ef: Some(self.ef_search.max(limit)),
            exact: mode == DenseMode::Exact,
            quantization,
            ..SearchParams::default()
        };
        self.search(tenant, query, filter, limit, params)
    }

    /// The points of `tenant` that share the most telling words.
    pub(super) fn search_lexical(
        &self,
        tenant: &TenantId,
        terms: Terms,
        filter: &Filter,
        limit: usize,
    ) -> Result<Vec<Hit>, IndexError> {
        let sparse = SparseVector { indices: terms.ids, values: terms.weights };
        let query = NamedQuery::new(VectorInternal::Sparse(sparse), SPARSE);
        self.search(tenant, query, filter, limit, SearchParams::default())
    }

    /// Points of all tenants in the order of their ids.
    pub(super) fn ids_page(&self, after: Option<Uuid>, limit: usize) -> Result<Vec<PointOwner>, IndexError> {
        let offset = match after {
            None => None,
            Some(after) if after == Uuid::max() => return Ok(Vec::new()),
            Some(after) => Some(PointId::Uuid(Uuid::from_u128(after.as_u128() + 1))),
        };
        let request = ScrollRequest {
            offset,
            limit: Some(limit),
            filter: None,
            with_payload: Some(fields(&[TENANT, OWNER, STATUS])),
            with_vector: WithVector::Bool(false),
            order_by: None,
        };
        let (records, _) = self.shard.scroll(request).map_err(IndexError::engine("list its points"))?;
        records
            .iter()
            .map(|record| {
                let payload = record.payload.as_ref();
                let tenant = TenantId::parse(text(payload, TENANT));
                Ok(PointOwner {
                    id: uuid(record.id)?,
                    tenant: tenant.map_err(|error| IndexError::Foreign(error.to_string()))?,
                    owner: owner(payload)?,
                    status: text(payload, STATUS).parse().ok(),
                })
            })
            .collect()
    }

    /// How many points there are.
    pub(super) fn count(&self) -> Result<usize, IndexError> {
        let request = CountRequest { filter: None, exact: true };
        self.shard.count(request).map_err(IndexError::engine("count its points"))
    }

    /// What the shard holds and takes.
    pub(super) fn stats(&self) -> Result<IndexStats, IndexError> {
        let info = self.shard.info();
        let indexed = graph_rows(&self.path);
        Ok(IndexStats {
            points: info.points_count,
            indexed,
            unindexed: outside_graphs(info.indexed_vectors_count, indexed),
            segments: info.segments_count,
            disk_bytes: bytes_below(&self.path),
        })
    }

    /// Points that are in no graph, so that every search scans them.
    pub(super) fn unindexed(&self) -> usize {
        outside_graphs(self.shard.info().indexed_vectors_count, graph_rows(&self.path))
    }

    fn search(
        &self,
        tenant: &TenantId,
        query: NamedQuery<VectorInternal>,
        filter: &Filter,
        limit: usize,
        params: SearchParams,
    ) -> Result<Vec<Hit>, IndexError> {
        let request = SearchRequest {
            query: QueryEnum::Nearest(query),
            filter: Some(conditions(tenant, filter)),
            params: Some(params),
            limit,
            offset: 0,
            with_payload: Some(fields(&[OWNER])),
            with_vector: None,
            score_threshold: None,
        };
        let found = self.shard.search(request).map_err(IndexError::engine("search"))?;
        let mut hits = found.iter().map(hit).collect::<Result<Vec<_>, _>>()?;
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.id.cmp(&b.id)));
        Ok(hits)
    }

    fn insert(&self, rows: Vec<PointStructPersisted>) -> Result<(), IndexError> {
        let operation = PointOperations::UpsertPoints(PointInsertOperations::PointsList(rows));
        self.update("write points", UpdateOperation::PointOperation(operation))
    }

    /// The newest copy of each of these points.
    fn rows(&self, ids: &[Uuid]) -> Result<Vec<PointStructPersisted>, IndexError> {
        let request = ScrollRequest {
            offset: None,
            limit: Some(ids.len()),
            filter: Some(has_id(ids)?),
            with_payload: Some(WithPayloadInterface::Bool(true)),
            with_vector: WithVector::Bool(true),
            order_by: None,
        };
        let (records, _) = self.shard.scroll(request).map_err(IndexError::engine("read its points"))?;
        let row = |record: Record| {
            let payload = Value::Object(record.payload.unwrap_or_default().0);
            Some(PointStruct::new(record.id, Vectors(record.vector?), payload).into())
        };
        Ok(records.into_iter().filter_map(row).collect())
    }

    /// How many copies of these points the segments hold together.
    fn copies(&self, ids: &[Uuid]) -> Result<usize, IndexError> {
        let request = CountRequest { filter: Some(has_id(ids)?), exact: true };
        self.shard.count(request).map_err(IndexError::engine("count its points"))
    }

    fn update(&self, action: &'static str, operation: UpdateOperation) -> Result<(), IndexError> {
        self.shard.update(operation).map_err(IndexError::engine(action))
    }
}

/// Points in the graphs of all segments, as their builder counted them.
fn graph_rows(path: &Path) -> usize {
    let Ok(segments) = fs::read_dir(path.join("segments")) else { return 0 };
    let count = |segment: fs::DirEntry| {
        let config = fs::read(segment.path().join(format!("vector_index-{DENSE}")).join("hnsw_config.json")).ok()?;
        let config: Value = serde_json::from_slice(&config).ok()?;
        usize::try_from(config.get("indexed_vector_count")?.as_u64()?).ok()
    };
    segments.flatten().filter_map(count).sum()
}

/// Points that are in no graph. The engine's number counts every sparse vector once, because sparse vectors are always
/// indexed, and the dense ones that are in a graph. Each row has one of each (see `row`), so what is left over are rows
/// without a graph.
fn outside_graphs(indexed_vectors: usize, graph_rows: usize) -> usize {
    indexed_vectors.saturating_sub(2 * graph_rows)
}

/// Bytes of the engine's log, which grows with every write until [`Shard::open`] clears it.
pub(super) fn log_bytes(path: &Path) -> u64 {
    bytes_below(&path.join("wal"))
}

/// Deletes the engine's log but its last closed file: it is never replayed, but scanned at every load. The last one
/// stays because operations are numbered on from it, and the engine ignores an operation with a number it has seen.
fn clear_log(path: &Path) -> Result<(), IndexError> {
    let log = path.join("wal");
    let entries = match fs::read_dir(&log) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(IndexError::io("read", &log)(error)),
    };
    let mut closed = Vec::new();
    for entry in entries {
        let file = entry.map_err(IndexError::io("read", &log))?.path();
        let number = file.file_name().and_then(|name| name.to_str()?.strip_prefix("closed-")?.parse::<u64>().ok());
        if let Some(number) = number {
            closed.push((number, file));
        }
    }
    closed.sort_unstable();
    closed.pop();
    for (_, file) in closed {
        fs::remove_file(&file).map_err(IndexError::io("delete", &file))?;
    }
    Ok(())
}

/// Deletes half-built segments of an optimisation that was killed.
fn remove_leftovers(path: &Path) -> Result<(), IndexError> {
    let temporary = path.join("temp_segments");
    match fs::remove_dir_all(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(IndexError::io("delete", &temporary)(error)),
        _ => Ok(()),
    }
}

/// Whether a shard lives here: a directory per segment.
fn has_segments(path: &Path) -> Result<bool, IndexError> {
    let segments = path.join("segments");
    match fs::read_dir(&segments) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(IndexError::io("read", &segments)(error)),
    }
}

fn bytes_below(path: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(path) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            // Segments come and go while we look.
            Err(_) => 0,
        })
        .sum()
}

fn config(dimension: usize, settings: &IndexSettings) -> Result<EdgeConfig, IndexError> {
    let kib = |points: usize| (points * dimension * size_of::<f32>()).div_ceil(1024);
    let hnsw = HnswIndexConfig {
        m: settings.hnsw_m,
        ef_construct: settings.hnsw_ef_construct,
        full_scan_threshold: kib(settings.full_scan_points),
        max_indexing_threads: settings.optimise_threads,
        on_disk: None,
        payload_m: None,
        inline_storage: None,
    };
    let optimizers = EdgeOptimizersConfig {
        default_segment_number: Some(2),
        max_segment_size: Some(kib(settings.max_segment_points)),
        indexing_threshold: Some(kib(settings.index_from_points)),
        ..EdgeOptimizersConfig::default()
    };
    let one_file = std::num::NonZeroUsize::MIN;
    let mut config = EdgeConfig::builder()
        // Mapped, and read as they are searched. "In memory" would touch every page of files that are made far larger
        // than what they hold: 64 MiB resident for a few thousand points.
        .vector(DENSE, EdgeVectorParams::builder(dimension, Distance::Cosine).on_disk(true).build())
        .sparse_vector(SPARSE, EdgeSparseVectorParams::builder().modifier(Modifier::Idf).build())
        .hnsw_config(hnsw)
        .optimizers(optimizers)
        .wal_options(WalOptions { segment_capacity: LOG_FILE_BYTES, segment_queue_len: 0, retain_closed: one_file })
        .build();
    if settings.quantisation == Quantisation::Int8 {
        let scalar =
            ScalarQuantizationConfig { r#type: ScalarType::Int8, quantile: Some(0.99), always_ram: Some(true) };
        let scalar = json!({ "scalar": scalar });
        let quantization: QuantizationConfig =
            serde_json::from_value(scalar).map_err(IndexError::engine("take its quantisation"))?;
        config.quantization_config = Some(quantization);
    }
    Ok(config)
}

/// Graph links of their own are built for tenants only: the other fields split a tenant into few, large parts, where
/// the main graph stays connected.
fn payload_indexes() -> Vec<(&'static str, PayloadSchemaParams)> {
    let keyword = |is_tenant| {
        PayloadSchemaParams::Keyword(KeywordIndexParams {
            is_tenant: Some(is_tenant),
            enable_hnsw: Some(is_tenant),
            ..KeywordIndexParams::default()
        })
    };
    let number = PayloadSchemaParams::Integer(IntegerIndexParams {
        lookup: Some(false),
        range: Some(true),
        enable_hnsw: Some(false),
        ..IntegerIndexParams::default()
    });
    vec![
        (TENANT, keyword(true)),
        (STATUS, keyword(false)),
        (KNOWLEDGE_TYPE, keyword(false)),
        (CATEGORY, keyword(false)),
        (LANGUAGE, keyword(false)),
        (OUTCOME, keyword(false)),
        (STARTED_AT, number),
    ]
}

fn row(point: &Point, lexicon: &Lexicon) -> Result<PointStructPersisted, IndexError> {
    let mut terms = lexicon.document(&point.text, &point.payload.language);
    if terms.is_empty() {
        // Every row has a sparse vector, so that `stats` can count rows. No word and no stem has this number.
        terms = Terms { ids: vec![u32::MAX], weights: vec![1.0] };
    }
    let sparse =
        Vector::new_sparse(terms.ids, terms.weights).map_err(IndexError::engine("take the words of a point"))?;
    let vectors = Vectors::new_named([(DENSE, Vector::new_dense(point.vector.to_vec())), (SPARSE, sparse)]);
    Ok(PointStruct::new(PointId::Uuid(point.id), vectors, payload(&point.payload)).into())
}

fn payload(payload: &Payload) -> Value {
    let mut fields = Map::new();
    let mut set = |field: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(field.to_owned(), value);
        }
    };
    set(TENANT, Some(payload.tenant.as_str().into()));
    set(OWNER, Some(payload.owner.to_string().into()));
    set(LANGUAGE, Some(payload.language.without_region().as_str().into()));
    set(CATEGORY, payload.category.as_deref().map(Value::from));
    set(STATUS, payload.status.map(|status| status.as_str().into()));
    set(KNOWLEDGE_TYPE, payload.knowledge_type.map(|kind| kind.as_str().into()));
    set(OUTCOME, payload.outcome.map(|outcome| outcome.as_str().into()));
    set(STARTED_AT, payload.started_at.map(|moment| moment.as_millis().into()));
    Value::Object(fields)
}

fn conditions(tenant: &TenantId, filter: &Filter) -> qdrant_edge::Filter {
    let mut must = vec![is(TENANT, tenant.as_str().to_owned())];
    if !filter.statuses.is_empty() {
        must.push(is(STATUS, filter.statuses.iter().map(|status| status.as_str().to_owned()).collect::<Vec<_>>()));
    }
    if let Some(kind) = filter.knowledge_type {
        must.push(is(KNOWLEDGE_TYPE, kind.as_str().to_owned()));
    }
    if let Some(category) = &filter.category {
        must.push(is(CATEGORY, category.clone()));
    }
    if !filter.languages.is_empty() {
        let languages = filter.languages.iter().map(|tag| tag.without_region().to_string());
        must.push(is(LANGUAGE, languages.collect::<Vec<_>>()));
    }
    if let Some(outcome) = filter.outcome {
        must.push(is(OUTCOME, outcome.as_str().to_owned()));
    }
    if filter.from.is_some() || filter.to.is_some() {
        let millis = |moment: crate::domain::clock::Timestamp| (moment.as_millis() as f64).into();
        let range = Range { gte: filter.from.map(millis), lt: filter.to.map(millis), gt: None, lte: None };
        must.push(Condition::Field(FieldCondition::new_range(key(STARTED_AT), range)));
    }
    qdrant_edge::Filter { must: Some(must), ..qdrant_edge::Filter::new() }
}

fn has_id(ids: &[Uuid]) -> Result<qdrant_edge::Filter, IndexError> {
    serde_json::from_value(json!({ "must": [{ "has_id": ids }] })).map_err(IndexError::engine("name points"))
}

fn is(name: &'static str, value: impl Into<Match>) -> Condition {
    Condition::Field(FieldCondition::new_match(key(name), value.into()))
}

fn key(name: &'static str) -> JsonPath {
    JsonPath { first_key: name.to_owned(), rest: Vec::new() }
}

fn fields(names: &[&'static str]) -> WithPayloadInterface {
    WithPayloadInterface::Fields(names.iter().copied().map(key).collect())
}

fn hit(point: &ScoredPoint) -> Result<Hit, IndexError> {
    Ok(Hit { id: uuid(point.id)?, owner: owner(point.payload.as_ref())?, score: point.score })
}

fn uuid(id: PointId) -> Result<Uuid, IndexError> {
    match id {
        PointId::Uuid(id) => Ok(id),
        PointId::NumId(number) => Err(IndexError::Foreign(format!("number {number}"))),
    }
}

fn owner(payload: Option<&qdrant_edge::Payload>) -> Result<Uuid, IndexError> {
    Uuid::parse_str(text(payload, OWNER)).map_err(|error| IndexError::Foreign(format!("owner: {error}")))
}

fn text<'a>(payload: Option<&'a qdrant_edge::Payload>, field: &str) -> &'a str {
    payload.and_then(|payload| payload.0.get(field)?.as_str()).unwrap_or_default()
}
