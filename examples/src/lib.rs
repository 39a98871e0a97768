//! Examples live beside this package's manifest, one file each.
