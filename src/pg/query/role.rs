//! The role as which the SQL of a routine runs, if it is not hearken's own.
//!
//! It is assumed behind the savepoint of the statement and given back with it:
//! what hearken writes, it writes as itself.

use crate::pg::error::PgError;
use crate::rules::routine::rows::RoleName;

/// Undefined object.
const UNDEFINED: &str = "42704";
/// Invalid parameter value: so PostgreSQL calls a role which there is not.
const NO_SUCH_ROLE: &str = "22023";

/// What is to be said after a savepoint; nothing, if there is no role.
pub(in crate::pg) fn assume(role: Option<&RoleName>) -> String {
    role.map(|role| format!("; set local role {}", role.quoted())).unwrap_or_default()
}

/// The error of a savepoint with [`assume`]: a role which there is not waits for
/// somebody to make it, as one does which may not be assumed.
pub(in crate::pg) fn not_assumed(error: PgError, role: Option<&RoleName>) -> PgError {
    match (&error, role) {
        (PgError::Server(answer), Some(role)) if answer.sqlstate == NO_SUCH_ROLE => {
            let message = format!("{}; `run_as` of its source names the role {role}", answer.message);
            PgError::refused(UNDEFINED, &message)
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::error::Policy;

    #[test]
    fn a_role_is_quoted() {
        let role = RoleName::parse("odd \"role\"").unwrap();
        assert_eq!(assume(Some(&role)), "; set local role \"odd \"\"role\"\"\"");
        assert_eq!(assume(None), "");
    }

    #[test]
    fn a_role_which_there_is_not_blocks() {
        let role = RoleName::parse("gone").unwrap();
        let of = |sqlstate, role| not_assumed(PgError::refused(sqlstate, "no"), role).policy();
        assert_eq!(of("22023", Some(&role)), Policy::Blocked);
        assert_eq!(of("42501", Some(&role)), Policy::Blocked);
        assert_eq!(of("22023", None), Policy::Refused);
        assert_eq!(of("57P01", Some(&role)), Policy::RetryLater);
    }
}
