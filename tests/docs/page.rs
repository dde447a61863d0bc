//! The pages: their blocks, tables and headings.

/// The text of the page about routines.
pub const PAGE: &str = ROUTINES.text;

/// The page about routines; functions which name no page speak of it.
pub const ROUTINES: Page = Page { file: "docs/routines.md", text: include_str!("../../docs/routines.md") };

/// The page about gates.
pub const GATES: Page = Page { file: "docs/gates.md", text: include_str!("../../docs/gates.md") };

/// The page about schedules.
pub const SCHEDULES: Page = Page { file: "docs/schedules.md", text: include_str!("../../docs/schedules.md") };

macro_rules! page {
    ($file:literal) => {
        Page { file: $file, text: include_str!(concat!("../../", $file)) }
    };
}

/// The pages about tables of the reader's own.
pub const TABLES: [Page; 5] = [
    page!("docs/any-schema.md"),
    page!("docs/from-pg-cron.md"),
    page!("docs/from-trigger-functions.md"),
    page!("docs/from-a-polling-processor.md"),
    page!("docs/beside-supabase.md"),
];

/// The pages about what becomes of items.
pub const WORK: [Page; 6] = [
    page!("docs/workers.md"),
    page!("docs/running-commands.md"),
    page!("docs/queues.md"),
    page!("docs/webhooks.md"),
    page!("docs/inspecting.md"),
    page!("docs/emit-and-fire.md"),
];

/// The first page.
pub const README: Page = Page { file: "README.md", text: include_str!("../../README.md") };

/// A page of the documentation.
#[derive(Clone, Copy)]
pub struct Page {
    /// Its file.
    pub file: &'static str,
    /// What it says.
    pub text: &'static str,
}

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

impl Page {
    /// A line of the page as messages name it.
    pub fn place(self, line: usize) -> String {
        format!("{}:{line}", self.file)
    }

    /// All blocks, in their order.
    pub fn blocks(self) -> Vec<Block> {
        let lines = self.lines();
        let mut rest = lines.as_slice();
        let mut blocks = Vec::new();
        while let Some(at) = rest.iter().position(|(_, text)| text.starts_with("```")) {
            let (line, fence) = rest[at];
            let inside = &rest[at + 1..];
            let end = inside.iter().position(|(_, text)| *text == "```");
            let end = end.unwrap_or_else(|| panic!("{}: this block does not end", self.place(line)));
            let text = inside[..end].iter().map(|(_, text)| format!("{text}\n")).collect();
            rest = &inside[end + 1..];
            blocks.push(Block { line, mark: fence[3..].trim().to_owned(), text, table: table(rest) });
        }
        blocks
    }

    /// What GitHub makes of the headings, for links to them.
    pub fn anchors(self) -> Vec<String> {
        anchors_of(self.text)
    }

    fn lines(self) -> Vec<(usize, &'static str)> {
        self.text.lines().enumerate().map(|(number, line)| (number + 1, line)).collect()
    }
}

/// What GitHub makes of the headings of a text, for links to them.
pub fn anchors_of(text: &str) -> Vec<String> {
    let mut in_block = false;
    let headings = text.lines().filter(move |line| {
        in_block ^= line.starts_with("```");
        !in_block && line.starts_with('#')
    });
    headings.map(anchor).collect()
}

/// A line of the page about routines as messages name it.
pub fn place(line: usize) -> String {
    ROUTINES.place(line)
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

/// All blocks of the page about routines.
pub fn blocks() -> Vec<Block> {
    ROUTINES.blocks()
}

/// The table whose header begins so.
pub fn table_of(header: &str) -> Option<Table> {
    let lines = ROUTINES.lines();
    let start = lines.iter().position(|(_, text)| text.starts_with(header))?;
    table(&lines[start..])
}

fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
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
