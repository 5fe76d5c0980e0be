"""What is done with imports: asking for one, and the steps in which it is carried out."""
