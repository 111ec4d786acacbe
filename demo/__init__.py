"""The main job, live: a real service breaks, people are paged until one answers, and it is proven to be well again."""
