// Package bridge is a provider engine that behaves like Pulumi's bridge to
// Terraform providers. A provider is a table: for each resource the properties
// with their kinds, defaults and what forces a replacement, and the functions
// that create, read, update and delete. The engine does the rest as the
// official providers do: Check with its messages, automatic names and the list
// of defaults, Diff with its replacements, secrets, unknown values, refresh and
// import.
//
// The rules were read in pulumi-terraform-bridge v3.127.0 and in
// terraform-plugin-sdk v2.33.0, and compared with recorded exchanges of the
// official providers. Left out is what only states written by older versions
// need (upgrades, raw state deltas), assets, and schemas with documentation.
package bridge
