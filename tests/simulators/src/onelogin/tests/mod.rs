//! What the account promises, asked over the same interface that clients use.
