"""Readers of foreign formats: text or JSON in, a domain object out."""
