"""The way in over HTTP: the API, the pages behind signed links, and the description of both."""
