//! The page: its blocks, tables and headings.

/// The text of the page.
pub const PAGE: &str = include_str!("../../docs/routines.md");

/// A fenced block, and the table right after it.
pub struct Block {
    /// Where its fence stands, from 1.
    pub line: usize,
    /// What stands behind the fence.
    pub mark: String,
    pub text: String,
    pub table: Option<Table>,
}

pub struct Table {
    pub header: Vec<String>,
    pub rows: Vec<Row>,
}

pub struct Row {
    /// Where it stands, from 1.
    pub line: usize,
    pub cells: Vec<String>,
}

impl Table {
    /// What a row has in that column, if there is such a column.
    pub fn cell<'a>(&self, row: &'a Row, column: &str) -> Option<&'a str> {
        let number = self.header.iter().position(|name| name == column)?;
        row.cells.get(number).map(String::as_str)
    }
}

/// A line of the page as messages name it.
pub fn place(line: usize) -> String {
    format!("docs/routines.md:{line}")
}

/// The answer with which a cell begins.
pub fn yes_or_no(cell: &str) -> Option<bool> {
    match cell.split([':', ',', ' ']).next() {
        Some("yes") => Some(true),
        Some("no") => Some(false),
        _ => None,
    }
}

/// The words in backticks.
pub fn quoted(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// All blocks, in their order.
pub fn blocks() -> Vec<Block> {
    let lines = lines();
    let mut rest = lines.as_slice();
    let mut blocks = Vec::new();
    while let Some(at) = rest.iter().position(|(_, text)| text.starts_with("```")) {
        let (line, fence) = rest[at];
        let inside = &rest[at + 1..];
        let end = inside.iter().position(|(_, text)| *text == "```");
        let end = end.unwrap_or_else(|| panic!("{}: this block does not end", place(line)));
        let text = inside[..end].iter().map(|(_, text)| format!("{text}\n")).collect();
        rest = &inside[end + 1..];
        blocks.push(Block { line, mark: fence[3..].trim().to_owned(), text, table: table(rest) });
    }
    blocks
}

/// The table whose header begins so.
pub fn table_of(header: &str) -> Option<Table> {
    let lines = lines();
    let start = lines.iter().position(|(_, text)| text.starts_with(header))?;
    table(&lines[start..])
}

/// What GitHub makes of the headings, for links to them.
pub fn anchors() -> Vec<String> {
    let mut in_block = false;
    let headings = PAGE.lines().filter(move |line| {
        in_block ^= line.starts_with("```");
        !in_block && line.starts_with('#')
    });
    headings.map(anchor).collect()
}

fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn lines() -> Vec<(usize, &'static str)> {
    PAGE.lines().enumerate().map(|(number, line)| (number + 1, line)).collect()
}

/// The table which these lines begin with, after empty ones.
fn table(lines: &[(usize, &str)]) -> Option<Table> {
    let start = lines.iter().position(|(_, text)| !text.is_empty())?;
    let mut rows = lines[start..].iter().take_while(|(_, text)| text.starts_with('|'));
    let header = cells(rows.next()?.1);
    // The first line after the header is its rule.
    let rows = rows.skip(1).map(|(line, text)| Row { line: *line, cells: cells(text) }).collect();
    Some(Table { header, rows })
}

fn cells(line: &str) -> Vec<String> {
    let line = line.trim();
    let inside = line.strip_prefix('|').unwrap_or(line);
    let inside = inside.strip_suffix('|').unwrap_or(inside);
    inside.split('|').map(|cell| cell.trim().to_owned()).collect()
}
