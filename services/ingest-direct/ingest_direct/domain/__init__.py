"""Pure: interactions that people and systems bring directly, and the replies that they hand over."""
