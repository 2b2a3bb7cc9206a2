//! What was measured, as a table or as JSON.

use serde_json::json;

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
}

/// Prints figures as they come, and remembers whether all goals were reached.
pub struct Figures {
    json: bool,
    /// Whether no goal was missed so far.
    pub all_hold: bool,
}

impl Figures {
    /// With one JSON object a figure, or else as a table.
    pub fn new(json: bool) -> Self {
        Self { json, all_hold: true }
    }

    /// A line above figures that belong together; no part of the JSON.
    pub fn heading(&self, text: &str) {
        if !self.json {
            println!("\n{text}");
        }
    }

    /// A figure without a goal.
    pub fn plain(&mut self, figure: &str, value: f64, unit: &str) {
        self.print(figure, value, unit, None);
    }

    /// A figure with a goal.
    pub fn with_goal(&mut self, figure: &str, value: f64, unit: &str, goal: Goal) {
        self.print(figure, value, unit, Some(goal));
    }

    fn print(&mut self, figure: &str, value: f64, unit: &str, goal: Option<Goal>) {
        let (number, words, holds) = match goal {
            None => (None, String::new(), true),
            Some(Goal::AtLeast(least)) => (Some(least), format!("at least {least}"), value >= least),
            Some(Goal::AtMost(most)) => (Some(most), format!("at most {most}"), value <= most),
        };
        self.all_hold &= holds;
        if self.json {
            println!("{}", json!({ "figure": figure, "value": value, "unit": unit, "goal": number, "holds": holds }));
        } else {
            let goal = match number {
                None => String::new(),
                Some(_) => format!("  goal {words}: {}", if holds { "holds" } else { "missed" }),
            };
            let places = if unit == "ratio" { 3 } else { 2 };
            println!("{figure:<62} {value:>14.places$} {unit}{goal}");
        }
    }
}
