"""x"""
def run(settings, folder):
    print(settings, folder)
