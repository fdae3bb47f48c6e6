"""Takes calls, letters, visits, web forms, chats and partners' messages by HTTP, and hands replies back."""
