//! The rounds' single values.

use serde_json::{Value, json};

use crate::spread::Spread;

/// One value a round, in the rounds' order. Values of the same round were measured one right after
/// the other: what is formed of them round by round is free of what changed from round to round.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series(Vec<f64>);

impl Series {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        Self(values.collect())
    }

    pub(crate) fn spread(&self) -> Spread {
        Spread::of(self.0.iter().copied())
    }

    pub(crate) fn median(&self) -> f64 {
        self.spread().median
    }

    /// In another unit.
    pub(crate) fn scaled(self, by: f64) -> Self {
        Self(self.0.into_iter().map(|value| value * by).collect())
    }

    /// Divided by another, round by round.
    pub(crate) fn over(&self, other: &Self) -> Self {
        self.with(other, |one, other| one / other)
    }

    /// Less another, round by round.
    pub(crate) fn less(&self, other: &Self) -> Self {
        self.with(other, |one, other| one - other)
    }

    pub(crate) fn to_json(&self) -> Value {
        let spread = self.spread();
        json!({
            "median": spread.median,
            "quartiles": [spread.low, spread.high],
            "rounds": self.0,
        })
    }

    /// What [`to_json`](Self::to_json) made.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let rounds = value["rounds"].as_array()?.iter();
        let values: Option<Vec<f64>> = rounds.map(Value::as_f64).collect();
        values.filter(|values| !values.is_empty()).map(Self)
    }

    fn with(&self, other: &Self, form: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(&one, &other)| form(one, other)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Series;

    fn series(values: &[f64]) -> Series {
        Series::of(values.iter().copied())
    }

    #[test]
    fn what_drifts_from_round_to_round_is_not_in_the_ratios() {
        let (ours, bare) = (series(&[12.0, 24.0, 36.0]), series(&[10.0, 20.0, 30.0]));
        let ratio = ours.over(&bare).spread();
        assert!((ratio.low - 1.2).abs() < 1e-9 && (ratio.high - 1.2).abs() < 1e-9);
        assert_eq!(ours.less(&bare), series(&[2.0, 4.0, 6.0]));
    }

    #[test]
    fn the_single_rounds_are_kept_in_their_order() {
        let kept = series(&[3.0, 1.0, 2.0]);
        assert_eq!(kept.to_json()["rounds"][0], 3.0);
        assert_eq!(Series::from_json(&kept.to_json()), Some(kept));
        assert_eq!(Series::from_json(&series(&[]).to_json()), None);
    }
}
