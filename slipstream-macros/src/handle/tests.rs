//! The expansion as text, and what half-written attributes come to.
