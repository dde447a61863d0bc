//! `numeric`: an operator and a number, or two of each for a range.

use super::{Bound, Matcher, Scalar, mistyped};
use crate::rules::eventbridge::json::{Json, Node};
use crate::rules::problem::Problem;
use crate::rules::value::compare_numbers;
use serde_json::Number;

const EXAMPLE: &str = "write `[\">\", 0]`, or with both ends `[\">\", 0, \"<=\", 5]`, the lower one first";

/// Reads what `numeric` compares with.
pub(super) fn read(node: &Node) -> Result<Matcher, Problem> {
    let Json::Array(items) = &node.value else {
        return Err(mistyped(node, "numeric", "a list").help(EXAMPLE));
    };
    let [operator, limit, rest @ ..] = items.as_slice() else {
        let problem = Problem::error(node.span.clone(), "`numeric` has an operator and a number");
        return Err(problem.label("too short").help(EXAMPLE));
    };
    let lower = bound(operator, limit)?;
    let Some(lower) = lower else {
        let value = number(limit)?;
        return end(rest).map(|()| Matcher::Is(Scalar::Number(value)));
    };
    let [second, top, beyond @ ..] = rest else {
        return end(rest).map(|()| Matcher::Numeric(vec![lower]));
    };
    if is_upper(&lower) {
        let problem = Problem::error(second.span.clone(), "the lower end of a range stands first");
        return Err(problem.label("nothing can follow an upper end").help(EXAMPLE));
    }
    let upper = bound(second, top)?.filter(is_upper).ok_or_else(|| {
        let problem = Problem::error(second.span.clone(), "the second end of a range is its upper one");
        problem.label("neither `<` nor `<=`").help(EXAMPLE)
    })?;
    end(beyond)?;
    if !is_less(&lower.number, &upper.number) {
        let problem = Problem::error(node.span.clone(), "no number lies between these ends");
        let help = "the lower end is less than the upper one; for one number write `[\"=\", 5]`";
        return Err(problem.label("the lower end is not less").help(help));
    }
    Ok(Matcher::Numeric(vec![lower, upper]))
}

/// An end of a range; none, if the operator is that of equality.
fn bound(operator: &Node, limit: &Node) -> Result<Option<Bound>, Problem> {
    let Json::Text(sign) = &operator.value else {
        return Err(mistyped(operator, "numeric", "an operator in quotes").help(EXAMPLE));
    };
    let operator = match sign.as_str() {
        "=" => return Ok(None),
        ">" => "gt",
        ">=" => "gte",
        "<" => "lt",
        "<=" => "lte",
        other => {
            let message = format!("`{other}` is no operator of `numeric`");
            let problem = Problem::error(operator.span.clone(), message).label("unknown");
            return Err(problem.help("there is `=`, `<`, `<=`, `>` and `>=`"));
        }
    };
    Ok(Some(Bound { operator, number: number(limit)? }))
}

fn number(node: &Node) -> Result<String, Problem> {
    match &node.value {
        Json::Number(digits) => Ok(digits.clone()),
        _ => Err(mistyped(node, "numeric", "a number after each operator").help(EXAMPLE)),
    }
}

/// Complains about what follows where nothing can.
fn end(rest: &[Node]) -> Result<(), Problem> {
    let Some(first) = rest.first() else { return Ok(()) };
    let problem = Problem::error(first.span.clone(), "`numeric` has more in its list than a range");
    Err(problem.label("nothing can follow here").help(EXAMPLE))
}

fn is_upper(bound: &Bound) -> bool {
    matches!(bound.operator, "lt" | "lte")
}

fn is_less(one: &str, other: &str) -> bool {
    let number = |digits: &str| serde_json::from_str::<Number>(digits);
    match (number(one), number(other)) {
        (Ok(one), Ok(other)) => compare_numbers(&one, &other).is_lt(),
        _ => false,
    }
}
