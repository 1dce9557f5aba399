//! The binary as an operator meets it: what it prints, what it leaves on disk, how it ends.

mod adopt;
mod audit;
mod backup;
mod commands;
mod data_key;
mod degraded;
mod demo;
mod doctor;
mod flood;
mod logs;
mod master_key;
mod postgres;
mod serve;
mod skew;
mod transfer;
