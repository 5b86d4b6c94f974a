//! The clause `window w as (…)`: each use gets the window itself.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, NamedWindowExpr, Query, Select, VisitMut, VisitorMut, WindowSpec, WindowType,
};

use crate::reason::{Result, unsupported};

/// The `select` without the clause; nothing if it has none.
///
/// # Errors
///
/// A window is made from another one.
pub(super) fn windows_written_out(select: &Select) -> Result<Option<Select>> {
    if select.named_window.is_empty() {
        return Ok(None);
    }
    let mut select = select.clone();
    let mut windows = BTreeMap::new();
    for definition in std::mem::take(&mut select.named_window) {
        match definition.1 {
            NamedWindowExpr::WindowSpec(window) if window.window_name.is_none() => {
                windows.insert(definition.0.value.to_lowercase(), window);
            }
            _ => return unsupported("a window that is made from another one"),
        }
    }
    let mut writer = Writer { windows, depth: 0 };
    for item in &mut select.projection {
        let _: ControlFlow<()> = item.visit(&mut writer);
    }

    Ok(Some(select))
}

struct Writer {
    windows: BTreeMap<String, WindowSpec>,
    /// In how many subqueries we are: they have windows of their own.
    depth: usize,
}

impl VisitorMut for Writer {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0
            && let Expr::Function(function) = expr
            && let Some(WindowType::NamedWindow(name)) = &function.over
            && let Some(window) = self.windows.get(&name.value.to_lowercase())
        {
            function.over = Some(WindowType::WindowSpec(window.clone()));
        }

        ControlFlow::Continue(())
    }
}
