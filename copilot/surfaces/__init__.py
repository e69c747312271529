"""Where people meet the product: the terminal and the chat page. Each turns an Answer into what its users see."""
