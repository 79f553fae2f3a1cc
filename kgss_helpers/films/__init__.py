"""What is true of films alone: roles and their words, what makes a skill, how facts are put."""
