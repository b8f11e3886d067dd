// Package models knows what models there are: their manifests, the folders and
// the built-in ones (Catalogue), which of them a job uses (Choice), and whether a
// file is the one that was meant (Model). It runs none.
package models
