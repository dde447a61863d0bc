//! Routines as data: what the language can say, without the words for it.

/// A routine: what events set it off, and what they must be like.
#[derive(Clone, Debug, Default)]
pub struct Routine {
    /// The types of events; all, if there are none. A star may end one.
    pub types: Vec<String>,
    /// Where events come from; anywhere, if none.
    pub from: Option<String>,
    /// The conditions.
    pub when: Clauses,
}

/// Conditions and groups of alternatives, all of which must hold.
#[derive(Clone, Debug, Default)]
pub struct Clauses {
    /// The conditions, each at another path.
    pub conditions: Vec<Condition>,
    /// The groups, each with another name.
    pub groups: Vec<Group>,
    /// How many conditions stand before the groups; as many as there are, or
    /// more, if the groups end the table.
    pub groups_at: usize,
}

/// One of several alternatives must hold.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// At least one.
    pub alternatives: Vec<Clauses>,
}

/// A clause, for those who go through them in the order of the file.
#[derive(Clone, Copy, Debug)]
pub enum Clause<'m> {
    /// A condition.
    Condition(&'m Condition),
    /// A group of alternatives.
    Group(&'m Group),
}

/// What the value at a path must be.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The path.
    pub path: Path,
    /// What its value must pass.
    pub spec: Spec,
    /// What becomes of a field which is not there.
    pub missing: Missing,
}

/// What becomes of a field which is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// It does not match.
    NoMatch,
    /// It does: `missing = "match"`.
    Match,
}

/// A path into an event, or into an element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// Where it begins.
    pub root: Root,
    /// How it goes on.
    pub steps: Vec<Step>,
}

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// The type of the event.
    Type,
    /// Its id.
    Id,
    /// What its writer calls itself.
    Source,
    /// What it happened to.
    Subject,
    /// When it happened.
    Time,
    /// Whose it is.
    Tenant,
    /// What happened.
    Data,
    /// The row before.
    Old,
    /// What is carried along.
    Meta,
    /// The element which `where` looks at.
    Element,
}

/// One step of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into this key of an object.
    Key(&'static str),
    /// Into the elements of an array.
    Each(Quantifier),
}

/// How many elements must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantifier {
    /// One.
    Any,
    /// Every one.
    All,
    /// None.
    None,
}

/// What a value must pass.
#[derive(Clone, Debug)]
pub struct Spec {
    /// How it is written, where there is a choice.
    pub form: Form,
    /// The tests, each with another name; at least one.
    pub tests: Vec<Test>,
}

/// How tests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A single `eq` or `in` as the bare value or list.
    Bare,
    /// A table of operators.
    Table,
}

/// A value of its own.
#[derive(Clone, Debug)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A number, as it is spelled.
    Number(String),
    /// A boolean.
    Bool(bool),
    /// Null; stands in lists only.
    Null,
}

/// How a number lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal; for lengths only.
    Eq,
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}

/// How a text is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// It begins so.
    Prefix,
    /// It ends so.
    Suffix,
    /// It has this in it.
    Contains,
    /// It has this shape.
    Like,
    /// An expression finds something in it.
    Regex,
    /// The same without regard to case.
    IEquals,
    /// Begins so, without regard to case.
    IPrefix,
    /// Ends so, without regard to case.
    ISuffix,
    /// Has this in it, without regard to case.
    IContains,
    /// Has this shape, without regard to case.
    ILike,
    /// It is an address of this range.
    Cidr,
}

/// One test of a value.
#[derive(Clone, Debug)]
pub enum Test {
    /// Equal to this.
    Eq(Literal),
    /// Equal to one of these.
    In(Vec<Literal>),
    /// Does not pass these together.
    Not(Spec),
    /// Equal to none of these.
    NotIn(Vec<Literal>),
    /// A number which lies so to this one.
    Number(Relation, String),
    /// A text which looks like one of these.
    Text(Look, Vec<String>),
    /// Is there.
    Exists,
    /// Is not there: `exists = false`.
    ExistsNot,
    /// Is null.
    IsNull,
    /// Is not there: `is = "missing"`.
    IsMissing,
    /// Has nothing in it.
    IsEmpty,
    /// Has such a length.
    Len(Relation, usize),
    /// Has one of these elements.
    ContainsAny(Vec<Literal>),
    /// Has all of these elements.
    ContainsAll(Vec<Literal>),
    /// An object which meets these.
    Where(Clauses),
    /// Is not what it was.
    Changed,
    /// Passes now and did not before.
    Became(Spec),
    /// Passed before.
    Was(Spec),
}

impl Clauses {
    /// The clauses in the order of the file.
    pub fn in_order(&self) -> Vec<Clause<'_>> {
        let at = self.groups_at.min(self.conditions.len());
        let (before, after) = self.conditions.split_at(at);
        let groups = self.groups.iter().map(Clause::Group);
        before
            .iter()
            .map(Clause::Condition)
            .chain(groups)
            .chain(after.iter().map(Clause::Condition))
            .collect()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.conditions.is_empty() && self.groups.is_empty()
    }
}

impl Spec {
    /// A single value.
    pub fn value(literal: Literal) -> Self {
        Self { form: Form::Bare, tests: vec![Test::Eq(literal)] }
    }

    /// One of these.
    pub fn list(literals: Vec<Literal>) -> Self {
        Self { form: Form::Bare, tests: vec![Test::In(literals)] }
    }

    /// These tests in a table.
    pub fn table(tests: Vec<Test>) -> Self {
        Self { form: Form::Table, tests }
    }
}

impl Test {
    /// Whether it compares with the row before.
    pub fn looks_back(&self) -> bool {
        matches!(self, Self::Changed | Self::Became(_) | Self::Was(_))
    }

    /// Whether it asks for a field which is not there.
    pub fn asks_absence(&self) -> bool {
        matches!(self, Self::ExistsNot | Self::IsMissing)
    }
}
