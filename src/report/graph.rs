//! What reads what: tables, sources and models of a pipeline.

use std::collections::{BTreeMap, BTreeSet};

use icefront_project::Materialized;
use serde::Serialize;

use crate::pipeline::{Definition, NodeKind, PipelineModel};

/// Tables, sources and models, and what reads what.
#[derive(Debug, Clone, Default, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "nodes": [
        {"name": "shop.orders", "kind": "current_rows", "materialized": null},
        {"name": "shop.daily_revenue", "kind": "model", "materialized": "incremental"},
    ],
    "edges": [{"from": "shop.orders", "to": "shop.daily_revenue"}],
}))]
pub struct Graph {
    /// A node comes after the nodes that it reads.
    pub nodes: Vec<Node>,
    /// What reads what.
    pub edges: Vec<Edge>,
}

/// A table, a source or a model.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = GraphNode)]
pub struct Node {
    /// The pipeline, then the name that `ref` has, or `source.table` for a source.
    #[schema(example = "shop.orders")]
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// How a model is kept.
    pub materialized: Option<Materialized>,
}

/// One reads another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, utoipa::ToSchema)]
#[schema(as = GraphEdge)]
pub struct Edge {
    /// The node that is read.
    #[schema(example = "shop.orders")]
    pub from: String,
    /// The node that reads it.
    #[schema(example = "shop.daily_revenue")]
    pub to: String,
}

/// The graph of all models of a pipeline, and of its tables.
#[must_use]
pub fn graph(definition: &Definition) -> Graph {
    let full = |name: &str| format!("{}.{name}", definition.name);
    let mut nodes: BTreeMap<String, NodeKind> = BTreeMap::new();
    for (name, table) in &definition.tables {
        nodes.insert(full(name), NodeKind::CurrentRows);
        if table.marts().has_history() {
            nodes.insert(full(&format!("{name}_history")), NodeKind::History);
        }
    }
    let mut edges = BTreeSet::new();
    for model in &definition.models.models {
        for from in &model.refs {
            edges.insert(Edge {
                from: full(from),
                to: full(&model.name),
            });
        }
        for key in &model.sources {
            let from = full(&format!("{}.{}", key.source, key.table));
            let kind = if definition.models.sources.contains_key(key) {
                NodeKind::Source
            } else {
                NodeKind::TypedLog
            };
            nodes.insert(from.clone(), kind);
            edges.insert(Edge {
                from,
                to: full(&model.name),
            });
        }
    }
    let mut nodes: Vec<Node> = nodes
        .into_iter()
        .map(|(name, kind)| Node {
            name,
            kind,
            materialized: None,
        })
        .collect();
    nodes.extend(definition.models.models.iter().map(|model| Node {
        name: full(&model.name),
        kind: NodeKind::Model,
        materialized: Some(model.config.materialized),
    }));

    Graph {
        nodes,
        edges: edges.into_iter().collect(),
    }
}

/// The part of the graph that a model is made of, and that is made of it.
#[must_use]
pub fn lineage(of: PipelineModel<'_>) -> Graph {
    let Graph { nodes, edges } = graph(of.definition);
    let start = of.id().to_string();
    let before = reached(&start, &edges, |edge| (&edge.to, &edge.from));
    let behind = reached(&start, &edges, |edge| (&edge.from, &edge.to));
    let is_part = |name: &String| before.contains(name) || behind.contains(name);

    Graph {
        nodes: nodes
            .into_iter()
            .filter(|node| is_part(&node.name))
            .collect(),
        edges: edges
            .into_iter()
            .filter(|edge| {
                let are_in =
                    |part: &BTreeSet<String>| part.contains(&edge.from) && part.contains(&edge.to);
                are_in(&before) || are_in(&behind)
            })
            .collect(),
    }
}

/// The models that read a table, its history or its typed log, directly or through other models; sorted by name.
#[must_use]
pub(super) fn models_behind(definition: &Definition, table: &str) -> BTreeSet<String> {
    let Graph { nodes, edges } = graph(definition);
    let pipeline = &definition.name;
    let starts = [
        format!("{pipeline}.{table}"),
        format!("{pipeline}.{table}_history"),
        format!("{pipeline}.{pipeline}.{table}"),
    ];
    let behind = |start: &String| reached(start, &edges, |edge| (&edge.from, &edge.to));
    let reached: BTreeSet<String> = starts.iter().flat_map(behind).collect();
    let models = nodes
        .into_iter()
        .filter(|node| node.kind == NodeKind::Model);

    models
        .map(|node| node.name)
        .filter(|name| reached.contains(name))
        .collect()
}

/// All that can be reached from a node, and the node itself.
fn reached(
    start: &str,
    edges: &[Edge],
    step: impl for<'a> Fn(&'a Edge) -> (&'a String, &'a String),
) -> BTreeSet<String> {
    let mut seen = BTreeSet::from([start.to_owned()]);
    let mut open = vec![start.to_owned()];
    while let Some(name) = open.pop() {
        for (from, to) in edges.iter().map(&step) {
            if *from == name && seen.insert(to.clone()) {
                open.push(to.clone());
            }
        }
    }

    seen
}
