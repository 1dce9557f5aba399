//! The rows of Vouchsafe and the types that their columns are made of. They parse and display; they decide
//! nothing, know no HTTP and open no ciphertext.

pub mod kind;
