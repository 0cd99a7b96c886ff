"""What of a text comes back as it is: placeholders, tags, addresses, terms of a glossary, markup."""
