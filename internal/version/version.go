// Package version says which version of this product a program is of.
package version

// Number is the version, as semantic versioning writes it. While CHANGELOG.md has something unreleased it is that of the next
// release with "-dev" after it. It is a constant, not what the compiler stamps: the same sources give the same functions.
const Number = "0.2.0-dev"
