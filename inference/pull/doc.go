// Package pull fetches models from where they are published: the offers beside
// this file, verified, into a models folder.
package pull
