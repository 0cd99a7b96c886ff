"""Nine titles about two subjects, mixed, as a clustering service that Jitney replaces was shown with them."""

from __future__ import annotations

DOGS = [
    "Dog Walking: 10 Simple Steps",
    "The Secrets of Dog Walking",
    "Why You Need To Dog Walking",
    "The Art of Dog Walking",
    "The Joy of Dog Walking",
]
SPEAKING = [
    "Public Speaking For The Modern Age",
    "Learn The Art of Public Speaking",
    "Master The Art of Public Speaking",
    "The Best Way To Public Speaking",
]
TITLES = [title for pair in zip(DOGS, [*SPEAKING, ""], strict=True) for title in pair if title]
