"""Parts of the player's page: what it shows, how it is put together, its video. player/ has its TypeScript."""
