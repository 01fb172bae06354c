"""What is scraped, what is alerted on and who is told, for every platform; times as they are in production."""
