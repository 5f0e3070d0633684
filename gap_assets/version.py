"""The version of this program, which both distributions of it carry."""

VERSION = "0.1.0"
