"""Phone, letter, visit, web form, chat and partner interactions in by HTTP, answers handed back."""
