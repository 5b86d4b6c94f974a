//! Small tables, and changes of them.

use rand::RngExt;

use crate::generator::{Generator, NUMBERS, TABLES};
use crate::{Column, Row, Table};

impl Generator {
    pub(crate) fn tables(&mut self) -> Vec<Table> {
        let quiet = *self.pick(&[0.3, 0.6, 0.75]);
        let only = self
            .chance(0.5)
            .then(|| self.random.random_range(0..TABLES));
        (0..TABLES)
            .map(|number| {
                let stays = only.map_or_else(|| self.chance(quiet), |only| only != number);
                self.changed(number, stays)
            })
            .collect()
    }

    pub(crate) fn changed(&mut self, number: usize, stays: bool) -> Table {
        let is_small = matches!(self.focus, "triangle" | "above");
        let count = if is_small {
            *self.pick(&[1, 1, 2])
        } else {
            self.random.random_range(0..7)
        };
        let mut old: Vec<Row> = (0..count).map(|_| self.row()).collect();
        if !old.is_empty() && self.chance(0.1) {
            old.push(old[0].clone());
        }
        let mut new = Vec::new();
        for row in &old {
            match self.random.random_range(0..100) {
                _ if stays => new.push(row.clone()),
                0..25 => {}
                25..45 => {
                    let mut row = row.clone();
                    let at = self.random.random_range(0..row.len());
                    row[at].clone_from(&self.row()[at]);
                    new.push(row);
                }
                _ => new.push(row.clone()),
            }
        }
        for _ in 0..if stays { 0 } else { *self.pick(&[0, 0, 1, 2]) } {
            new.push(self.row());
        }
        let mut columns: Vec<_> = NUMBERS
            .iter()
            .map(|name| Column::new(name, "integer"))
            .collect();
        columns.push(Column::new("s", "varchar"));

        Table {
            name: format!("t{number}"),
            columns,
            old,
            new,
        }
    }

    pub(crate) fn row(&mut self) -> Row {
        let most = if matches!(self.focus, "triangle" | "above") {
            2
        } else {
            4
        };
        let mut row = vec![self.random.random_range(0..6).to_string()];
        for _ in 0..3 {
            let is_null = self.chance(0.15);
            let value = self.random.random_range(0..most).to_string();
            row.push(if is_null { "null".into() } else { value });
        }
        row.push((*self.pick(&["'x'", "'X'", "'y'", "null"])).into());
        row
    }
}
